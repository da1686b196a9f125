"""The forms of the demo site."""

from django import forms


class PictureForm(forms.Form):
    """A picture to make thumbnails of."""

    picture = forms.ImageField(
        widget=forms.ClearableFileInput(attrs={"accept": "image/*"})
    )


class GreetingForm(forms.Form):
    """The recipient of a greeting by mail."""

    name = forms.CharField(max_length=60, initial="Ada")
    address = forms.EmailField(label="E-mail", initial="ada@example.com")
