"""What visitors send to the demo site."""

from django import forms


class PictureForm(forms.Form):
    """A picture to make thumbnails of."""

    picture = forms.ImageField(
        widget=forms.ClearableFileInput(attrs={"accept": "image/*"})
    )


class GreetingForm(forms.Form):
    """Whom to greet by mail."""

    name = forms.CharField(max_length=60, initial="Ada")
    address = forms.EmailField(label="E-mail", initial="ada@example.com")
